"""The site: everything that the database says, as pages that open from the file system without a network."""
