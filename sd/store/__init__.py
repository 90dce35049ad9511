"""Facts: records on disk, which are the truth, and the database made from them."""
