"""Who may read the agenda; the agenda itself decides nothing yet."""

from __future__ import annotations

from shared.authority import Allow

ACCESS = (
    Allow("secretary", "read_agenda"),
    Allow("district_admin", "read_agenda"),
    Allow("desk", "read_agenda"),
    Allow("resident", "read_agenda"),
    Allow("integration", "read_agenda"),
)
