// A page of a test.
