"""Range methods: from statistics to the interval that the integers cover."""
