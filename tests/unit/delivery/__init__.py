"""What brings the program to where it runs: image, compose, pipelines."""
