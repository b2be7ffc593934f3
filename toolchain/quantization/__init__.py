"""Plan, parameters, mixed precision, algorithms and the QDQ form."""
