"""What every service shares: pure words (decider), the published language (contracts), the kit."""
