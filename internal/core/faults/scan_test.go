package faults

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const root = "../../.."

// A source is what the sources of one package say: its codes, its sentences,
// those that stand beside each other, and its tests.
type source struct {
	codes map[string]bool
	texts map[string]bool
	said  []Code
	tests map[string]bool
}

// sources returns what all packages but this one say, by package, e.g. "core/upstream".
func sources(t *testing.T) map[string]*source {
	t.Helper()
	found, err := scan()
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d packages found", len(found))
	}
	return found
}

// scan reads the module once for all tests; nobody changes what it returns.
var scan = sync.OnceValues(func() (map[string]*source, error) {
	found := map[string]*source{}
	for _, top := range []string{"cmd", "internal", "assets"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(file) != ".go" {
				return err
			}
			dir, _ := filepath.Rel(root, filepath.Dir(file))
			pkg := strings.TrimPrefix(filepath.ToSlash(dir), "internal/")
			if pkg == "core/faults" {
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			s := found[pkg]
			if s == nil {
				s = &source{codes: map[string]bool{}, texts: map[string]bool{}, tests: map[string]bool{}}
				found[pkg] = s
			}
			if strings.HasSuffix(file, "_test.go") {
				s.addTests(f)
			} else {
				s.addWords(pkg, f)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
})

var codeForm = regexp.MustCompile(`^MPT-[A-Z0-9]+(-[A-Z0-9]+)*$`)

// addWords notes the codes and sentences of a file.
func (s *source) addWords(pkg string, f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if c, ok := beside(pkg, n); ok {
				s.said = append(s.said, c)
			}
		case ast.Expr:
			text, ok := textOf(n)
			switch {
			case !ok:
			case codeForm.MatchString(text):
				s.codes[text] = true
			default:
				s.texts[text] = true
			}
		}
		return true
	})
}

// beside reads a literal that holds a code and, behind it or by its key, a sentence and a hint.
func beside(pkg string, lit *ast.CompositeLit) (c Code, ok bool) {
	c.From = pkg
	var words []string
	for _, e := range lit.Elts {
		key := ""
		if kv, keyed := e.(*ast.KeyValueExpr); keyed {
			if id, named := kv.Key.(*ast.Ident); named {
				key = id.Name
			}
			e = kv.Value
		}
		text, isText := textOf(e)
		switch {
		case key == "Code" && isText:
			c.Code = text
		case key == "Text":
			c.Text = text
		case key == "Hint":
			c.Hint = text
		case key == "" && isText && (len(words) > 0 || codeForm.MatchString(text)):
			words = append(words, text)
		}
	}
	if len(words) > 2 {
		c.Code, c.Text, c.Hint = words[0], words[len(words)-2], words[len(words)-1]
	}
	return c, codeForm.MatchString(c.Code) && c.Text != ""
}

var verb = regexp.MustCompile(`%[-+# 0]*[a-zA-Z]`)

// textOf returns a text as documents show it: what varies is "…".
func textOf(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		s = strings.NewReplacer("%q", `"…"`, "%%", "%").Replace(s)
		return verb.ReplaceAllString(s, "…"), err == nil
	case *ast.ParenExpr:
		return textOf(e.X)
	case *ast.BinaryExpr:
		x, okX := textOf(e.X)
		y, okY := textOf(e.Y)
		if e.Op != token.ADD || !okX && !okY {
			return "", false
		}
		if !okX {
			x = "…"
		}
		if !okY {
			y = "…"
		}
		return x + y, true
	case *ast.CallExpr:
		fun, isSel := e.Fun.(*ast.SelectorExpr)
		if isSel && fun.Sel.Name == "Sprintf" && len(e.Args) > 0 {
			return textOf(e.Args[0])
		}
	}
	return "", false
}

// addTests notes the tests, benchmarks and fuzz targets of a file, and the
// names that their subtests have if these are written down.
func (s *source) addTests(f *ast.File) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !regexp.MustCompile(`^(Test|Fuzz|Benchmark)`).MatchString(fn.Name.Name) {
			continue
		}
		s.tests[fn.Name.Name] = true
		ast.Inspect(fn, func(n ast.Node) bool {
			if e, isExpr := n.(ast.Expr); isExpr {
				if text, ok := textOf(e); ok {
					s.tests[path.Join(fn.Name.Name, strings.ReplaceAll(text, " ", "_"))] = true
				}
			}
			return true
		})
	}
}
