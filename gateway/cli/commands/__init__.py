"""The commands, as they are typed and helped with; what each does is in the module that it imports when it runs."""
