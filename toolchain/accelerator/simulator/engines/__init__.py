"""What the engines compute: a file each for a family of instructions."""
