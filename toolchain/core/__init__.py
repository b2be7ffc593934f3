"""Pure records and contracts; standard library and numpy only."""
