// Package docs_test checks the documents and the import rules against the code.
package docs_test
