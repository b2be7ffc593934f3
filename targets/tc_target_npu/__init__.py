"""AXERA's NPUs: the families AX650 and AX620E and their relatives, as pulsar2 takes models."""
