"""Names of residents: asked for once a while, and never waited for when nobody answers."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.applications import Starlette

from shared.kit.http.names import NAMES_MAX, PATH, Names, names_route, pseudonym

LI, HAN = UUID(int=1), UUID(int=2)
QUOTED = b'"%s"' % str(LI).encode()


@dataclass
class Directory:
    """A directory that knows two residents, and what it was asked."""

    asked: list[tuple[str, Sequence[UUID]]] = field(
        default_factory=list[tuple[str, Sequence[UUID]]]
    )
    now: float = 0.0
    away: bool = False

    async def lookup(self, service: str, residents: Sequence[UUID]) -> dict[UUID, str]:
        self.asked.append((service, residents))
        if self.away:
            raise httpx.ReadTimeout("away")
        return {one: name for one, name in ((LI, "李雷"), (HAN, "韩梅")) if one in residents}

    def client(self, secret: str = "s") -> httpx.AsyncClient:
        app = Starlette(routes=[names_route(secret, self.lookup)])
        return httpx.AsyncClient(transport=httpx.ASGITransport(app))

    def names(self, client: httpx.AsyncClient, secret: str = "s", cached_max: int = 9) -> Names:
        return Names(
            client,
            "wishes",
            url="http://directory",
            secret=secret,
            cached_max=cached_max,
            monotonic=lambda: self.now,
        )


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
async def names(directory: Directory) -> AsyncGenerator[Names]:
    async with directory.client() as client:
        yield directory.names(client)


async def test_residents_are_called_by_name_and_others_by_a_pseudonym(
    directory: Directory, names: Names
) -> None:
    stranger = str(uuid4())
    assert await names.of([str(LI), str(HAN), stranger, str(LI)]) == {
        str(LI): "李雷",
        str(HAN): "韩梅",
        stranger: pseudonym(stranger),
    }
    assert directory.asked == [("wishes", (LI, HAN, UUID(stranger)))]


async def test_a_name_is_remembered_for_a_minute_and_so_is_that_there_is_none(
    directory: Directory, names: Names
) -> None:
    stranger = str(uuid4())
    await names.of([str(LI), stranger])
    directory.now = 59.9
    await names.of([str(LI), stranger])
    assert len(directory.asked) == 1
    directory.now = 60.0
    await names.of([str(LI), stranger])
    assert len(directory.asked) == 2


async def test_only_so_many_names_are_remembered(directory: Directory) -> None:
    async with directory.client() as client:
        names = directory.names(client, cached_max=1)
        await names.of([str(LI), str(HAN)])
        await names.of([str(HAN)])
        assert len(directory.asked) == 1
        await names.of([str(LI)])
        assert len(directory.asked) == 2


async def test_while_the_directory_is_away_pseudonyms_are_shown_and_it_is_left_alone(
    directory: Directory, names: Names
) -> None:
    directory.away = True
    assert await names.of([str(LI)]) == {str(LI): pseudonym(str(LI))}
    directory.away = False
    assert await names.of([str(LI)]) == {str(LI): pseudonym(str(LI))}
    assert len(directory.asked) == 1
    directory.now = 2.0
    assert await names.of([str(LI)]) == {str(LI): "李雷"}


async def test_without_an_address_nobody_is_asked() -> None:
    async with httpx.AsyncClient() as client:
        names = Names(client, "wishes", url="", secret="s")
        assert await names.of([str(LI)]) == {str(LI): pseudonym(str(LI))}


async def test_who_is_no_resident_has_no_name(directory: Directory, names: Names) -> None:
    assert await names.of(["", "rule:escalation", str(LI).upper() + "x"]) == {}
    assert directory.asked == []


@pytest.mark.parametrize(("secret", "given"), [("s", "t"), ("s", ""), ("", ""), ("", "t")])
async def test_only_who_knows_the_secret_is_answered(
    directory: Directory, secret: str, given: str
) -> None:
    async with directory.client(secret) as client:
        names = directory.names(client, given)
        assert await names.of([str(LI)]) == {str(LI): pseudonym(str(LI))}
    assert directory.asked == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b'{"service": "wishes", "residents": ["x"]}', 400),
        (b'{"service": "wishes", "residents": []}', 200),
        (b'{"service": "w", "residents": [%s]}' % b",".join([QUOTED] * 200), 200),
        (b'{"service": "w", "residents": [%s]}' % b",".join([QUOTED] * 201), 400),
    ],
)
async def test_a_question_has_limits(directory: Directory, content: bytes, status: int) -> None:
    async with directory.client() as client:
        response = await client.post(
            f"http://directory{PATH}", content=content, headers={"cogov-internal": "s"}
        )
    assert response.status_code == status
    assert NAMES_MAX == 200
