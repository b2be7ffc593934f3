"""A program on the model of a machine, for people: tables, and a page of pictures."""
