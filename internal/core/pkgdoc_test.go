package core_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPackageComments wants one package comment per package that says more than
// its name: what it is for, and for most what it is not for.
func TestPackageComments(t *testing.T) {
	for pkg := range packages(t, "linux", "0") {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pkg), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		isTest := func(file string) bool { return strings.HasSuffix(file, "_test.go") }
		if slices.ContainsFunc(files, func(file string) bool { return !isTest(file) }) { // else they are all there is
			files = slices.DeleteFunc(files, isTest)
		}
		var comments []string
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil && !strings.HasPrefix(f.Doc.Text(), "go:") {
				comments = append(comments, f.Doc.Text())
			}
		}
		switch {
		case len(comments) != 1:
			t.Errorf("%s has %d package comments, want 1", pkg, len(comments))
		case strings.Count(comments[0], ".") < 2:
			t.Errorf("%s: the package comment says too little: %q", pkg, comments[0])
		}
	}
}
