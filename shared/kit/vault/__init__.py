"""Personal texts: sealed before they are queued, stored as ciphertext, revealed by purpose."""

from shared.kit.vault.keys import KeyMissingError, MasterKeyWrongError, migrate_keys
from shared.kit.vault.texts import TextEmpty, TextHasNul, TextNotUnicode, TextTooLong
from shared.kit.vault.vault import CiphertextBrokenError, Vault, VaultUnavailable

__all__ = [
    "CiphertextBrokenError",
    "KeyMissingError",
    "MasterKeyWrongError",
    "TextEmpty",
    "TextHasNul",
    "TextNotUnicode",
    "TextTooLong",
    "Vault",
    "VaultUnavailable",
    "migrate_keys",
]
