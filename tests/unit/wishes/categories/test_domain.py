import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wishes.categories import domain
from services.wishes.categories.domain import (
    CATEGORIES_MAX,
    CATEGORY_POLICY,
    KEYWORDS_MAX,
    RULE,
    AdoptCategoryPolicy,
    CategoryDraft,
    categories_from_rows,
)
from services.wishes.categoriser import IN_FORCE, categorise
from services.wishes.language import UNCATEGORISED
from shared.contracts.deliberation import NodeAdded, NodeKind, node_stream
from shared.contracts.wishes import Category, CategoryPolicyAdopted, category_policy_stream
from shared.decider import Refused, To
from shared.kit.testing.spec import Spec, facts_of

STREAM = category_policy_stream("north")
ROADS = Category(name="roads", unit="unit-1", keywords=("pothole", "pavement"))
NOISE = Category(name="noise", unit="unit-2", keywords=("drilling", "loud"))


def node(name: str, kind: NodeKind) -> NodeAdded:
    path = ("north",) if name == "north" else ("north", name)
    return NodeAdded(node=name, kind=kind, name=name, path=path)


def adopt(
    version: int, *categories: Category, district: str = "north", rule: str = RULE
) -> AdoptCategoryPolicy:
    return AdoptCategoryPolicy(
        district=district,
        version=version,
        rule=rule,
        categories=tuple(
            CategoryDraft(name=one.name, unit=one.unit, keywords=one.keywords) for one in categories
        ),
    )


def adopted(version: int, *categories: Category) -> CategoryPolicyAdopted:
    return CategoryPolicyAdopted(version=version, rule=RULE, categories=categories)


NORTH = (
    Spec(CATEGORY_POLICY, scope="north")
    .given(node_stream("north"), node("north", NodeKind.DISTRICT))
    .given(node_stream("elm"), node("elm", NodeKind.COMMUNITY))
)


def test_versions_follow_one_another() -> None:
    NORTH.when(adopt(1, ROADS)).then(To(STREAM, adopted(1, ROADS)))
    NORTH.given(STREAM, adopted(1, ROADS)).when(adopt(2, ROADS, NOISE)).then(
        To(STREAM, adopted(2, ROADS, NOISE))
    )


@pytest.mark.parametrize(("history", "version"), [((), 0), ((), 2), ((1,), 3)])
def test_a_version_that_leaves_a_gap_is_refused(history: tuple[int, ...], version: int) -> None:
    spec = NORTH.given(STREAM, *(adopted(number, ROADS) for number in history))

    spec.when(adopt(version, ROADS)).then_refused(
        domain.PolicyVersionSkipped, next=len(history) + 1
    )


def test_a_version_says_one_thing_for_good() -> None:
    spec = NORTH.given(STREAM, adopted(1, ROADS), adopted(2, NOISE))

    spec.when(adopt(1, ROADS)).then_nothing()
    spec.when(adopt(2, NOISE)).then_nothing()
    spec.when(adopt(1, NOISE)).then_refused(domain.PolicyVersionTaken, version=1)
    spec.when(adopt(2, NOISE.model_copy(update={"unit": "unit-9"}))).then_refused(
        domain.PolicyVersionTaken, version=2
    )


@pytest.mark.parametrize("district", ["elm", "south"])
def test_only_a_district_has_a_policy(district: str) -> None:
    NORTH.when(adopt(1, ROADS, district=district)).then_refused(domain.NotADistrict)


def test_a_community_does_not_adopt_a_policy_of_its_own() -> None:
    elm = (
        Spec(CATEGORY_POLICY, scope="elm")
        .given(node_stream("north"), node("north", NodeKind.DISTRICT))
        .given(node_stream("elm"), node("elm", NodeKind.COMMUNITY))
    )

    elm.when(adopt(1, ROADS, district="elm")).then_refused(domain.NotADistrict)
    elm.when(adopt(1, ROADS, district="north")).then_refused(domain.NotADistrict)


@pytest.mark.parametrize(
    ("categories", "refusal"),
    [
        ((ROADS, ROADS), domain.CategoryNameTaken),
        ((ROADS.model_copy(update={"name": UNCATEGORISED}),), domain.CategoryNameTaken),
        ((ROADS.model_copy(update={"keywords": ("x",)}),), domain.KeywordTooShort),
    ],
)
def test_a_policy_that_could_not_be_applied_is_refused(
    categories: tuple[Category, ...], refusal: type[Refused]
) -> None:
    NORTH.when(adopt(1, *categories)).then_refused(refusal)


@pytest.mark.parametrize(
    "categories",
    [
        (),
        tuple(
            ROADS.model_copy(update={"name": f"category {number}"})
            for number in range(CATEGORIES_MAX + 1)
        ),
        (ROADS.model_copy(update={"keywords": ("word",) * (KEYWORDS_MAX + 1)}),),
    ],
)
def test_a_policy_has_bounds(categories: tuple[Category, ...]) -> None:
    NORTH.when(adopt(1, *categories)).then_refused(
        domain.CategoriesOutOfBounds, categories_max=CATEGORIES_MAX, keywords_max=KEYWORDS_MAX
    )


def test_a_rule_nobody_knows_is_refused() -> None:
    NORTH.when(adopt(1, ROADS, rule="guess_v1")).then_refused(domain.RuleUnknown, rule_known=RULE)


def test_the_latest_version_is_in_force() -> None:
    state = IN_FORCE.initial
    for fact in facts_of(STREAM, adopted(1, ROADS), adopted(2, NOISE), scope="north"):
        state = IN_FORCE.evolve(state, fact)

    assert (state.version, state.categories) == (2, (("noise", "unit-2", NOISE.keywords),))


@pytest.mark.parametrize(
    ("subject", "text", "category"),
    [
        ("A pothole", "", "roads"),
        ("", "Loud drilling all night", "noise"),
        ("Something else", "Nothing known", UNCATEGORISED),
        ("A pothole", "drilling", "roads"),  # 21 to 8: the subject counts three times
        ("", "pavement", "roads"),
        ("", "drilling pavement", "roads"),  # 8 to 8: the earlier one
        ("", "pothole drilling", "noise"),  # 7 to 8: the longer word
        ("", "pothole pothole drilling", "roads"),  # 14 to 8: every occurrence
    ],
)
def test_the_heaviest_category_is_assigned(subject: str, text: str, category: str) -> None:
    assert categorise((ROADS, NOISE), subject, text) == category


@given(st.lists(st.sampled_from(["pothole", "pavement", "drilling", "loud", "cat"]), max_size=8))
def test_a_category_is_assigned_exactly_when_a_keyword_occurs(words: list[str]) -> None:
    text = " ".join(words)

    known = any(keyword in text for keyword in (*ROADS.keywords, *NOISE.keywords))
    assert (categorise((ROADS, NOISE), "", text) != UNCATEGORISED) == known


def test_keywords_are_the_two_character_pieces_of_names_that_one_category_has_alone() -> None:
    found = categories_from_rows(
        [
            ("甲", "花坛", "浇水工"),
            ("甲", "花坛", "其他"),
            ("乙", "路灯(夜间)", "浇水和照明"),
            ("乙", "路灯(夜间)", "水"),
            ("丙", "Street lamps", "其他"),
        ]
    )

    assert found == (
        Category(name="甲", unit="unit-1", keywords=("花坛", "水工")),
        Category(name="乙", unit="unit-2", keywords=("路灯", "夜间", "照明")),
        Category(name="丙", unit="unit-3", keywords=("Street", "lamps")),
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["甲", "乙", "丙"]),
            st.text("花坛路灯水工、和", max_size=6),
            st.text("花坛路灯水工、和", max_size=6),
        ),
        max_size=20,
    )
)
def test_no_keyword_belongs_to_two_categories(rows: list[tuple[str, str, str]]) -> None:
    found = categories_from_rows(rows)

    keywords = [keyword for category in found for keyword in category.keywords]
    assert len(keywords) == len(set(keywords))
    assert [category.name for category in found] == list(dict.fromkeys(row[0] for row in rows))
