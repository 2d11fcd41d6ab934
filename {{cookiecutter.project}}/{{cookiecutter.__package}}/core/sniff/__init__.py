"""What can be told of a raw table before anything is installed: the hooks of the template look through this, too."""
