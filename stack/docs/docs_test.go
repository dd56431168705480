// Package docs_test holds the documents and the import rules against the code.
package docs_test
