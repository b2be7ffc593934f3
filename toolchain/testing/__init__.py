"""What third parties import to test their plugins."""
