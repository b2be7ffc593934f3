"""The integer program: records, lowering from QDQ, file format, reference interpreter."""
