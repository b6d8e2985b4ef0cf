"""Personal texts: sealed before they are queued, stored as ciphertext, revealed by purpose."""

from shared.kit.vault.indexing import Indexer, IndexerLimits
from shared.kit.vault.keys import KeyMissingError, MasterKeyWrongError, migrate_keys
from shared.kit.vault.purposes import Access, Purpose
from shared.kit.vault.search import Searchable, SearchIndex
from shared.kit.vault.texts import TextEmpty, TextHasNul, TextNotUnicode, TextTooLong
from shared.kit.vault.vault import CiphertextBrokenError, Opened, Vault, VaultUnavailable

__all__ = [
    "Access",
    "CiphertextBrokenError",
    "Indexer",
    "IndexerLimits",
    "KeyMissingError",
    "MasterKeyWrongError",
    "Opened",
    "Purpose",
    "SearchIndex",
    "Searchable",
    "TextEmpty",
    "TextHasNul",
    "TextNotUnicode",
    "TextTooLong",
    "Vault",
    "VaultUnavailable",
    "migrate_keys",
]
