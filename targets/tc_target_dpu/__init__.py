"""AMD's DPUCZDX8G in all its sizes, as Vitis AI describes models for it."""
