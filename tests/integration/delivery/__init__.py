"""What brings the program to where it runs: hooks, image, pipelines."""
