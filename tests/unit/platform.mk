# Unit tests of this part.
