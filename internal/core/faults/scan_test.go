package faults

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
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
	tests map[string]bool   // and their subtests as Test/subtest, in what runs subtests
	named map[string]string // the codes that variables hold, such as that of a table
	tried map[string]bool   // codes and names of such variables in tests and their scripts
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
			if err != nil || e.IsDir() {
				return err
			}
			dir, _ := filepath.Rel(root, filepath.Dir(file))
			pkg, _, isData := strings.Cut(strings.TrimPrefix(filepath.ToSlash(dir), "internal/"), "/testdata")
			if s := found[pkg]; isData && s != nil && filepath.Ext(file) == ".txtar" {
				return s.addScript(file)
			}
			if isData || pkg == "core/faults" || filepath.Ext(file) != ".go" {
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			s := found[pkg]
			if s == nil {
				s = &source{codes: map[string]bool{}, texts: map[string]bool{}, tests: map[string]bool{}, named: map[string]string{}, tried: map[string]bool{}}
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

// codeIn finds whole codes in a text; codeForm is a text that is one.
var codeIn = regexp.MustCompile(`MPT-[A-Z0-9]+(-[A-Z0-9]+)*`)

var codeForm = regexp.MustCompile(`^MPT-[A-Z0-9]+(-[A-Z0-9]+)*$`)

// addWords notes the codes and sentences of a file.
func (s *source) addWords(pkg string, f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			s.addNames(n)
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

// addNames notes which variables hold a problem with a code.
func (s *source) addNames(spec *ast.ValueSpec) {
	if len(spec.Names) != len(spec.Values) {
		return
	}
	for i, value := range spec.Values {
		if ref, ok := value.(*ast.UnaryExpr); ok {
			value = ref.X
		}
		if lit, ok := value.(*ast.CompositeLit); ok {
			if c, ok := beside("", lit); ok {
				s.named[spec.Names[i].Name] = c.Code
			}
		}
	}
}

// addScript notes the codes that a script of a test waits for.
func (s *source) addScript(file string) error {
	text, err := os.ReadFile(file)
	for _, code := range codeIn.FindAllString(string(text), -1) {
		s.tried[code] = true
	}
	return err
}

// tries reports whether the tests of the package name a code, or what holds it.
func (s *source) tries(code string) bool {
	if s.tried[code] {
		return true
	}
	for name, held := range s.named {
		if held == code && s.tried[name] {
			return true
		}
	}
	return false
}

// addTests notes the tests and fuzz targets of a file, the names that their
// subtests have if these are written down, and the codes and names in it.
func (s *source) addTests(f *ast.File) {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && isTest(fn) {
			s.tests[fn.Name.Name] = true
			s.addSubtests(fn)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			s.tried[n.Name] = true
		case *ast.BasicLit:
			for _, code := range codeIn.FindAllString(n.Value, -1) {
				s.tried[code] = true
			}
		}
		return true
	})
}

// addSubtests notes the literals of a test that runs subtests, as their names.
func (s *source) addSubtests(fn *ast.FuncDecl) {
	runs, names := false, []string{}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			runs = runs || ok && sel.Sel.Name == "Run" && len(n.Args) == 2
		case *ast.BasicLit:
			if text, ok := textOf(n); ok {
				names = append(names, strings.ReplaceAll(text, " ", "_"))
			}
		}
		return true
	})
	for _, name := range names {
		s.tests[path.Join(fn.Name.Name, name)] = runs || s.tests[path.Join(fn.Name.Name, name)]
	}
}

var testForm = regexp.MustCompile(`^(Test|Fuzz)([^a-z]|$)`)

// isTest reports whether the go command runs a function: by its name, its one
// parameter, and because it has statements.
func isTest(fn *ast.FuncDecl) bool {
	if fn.Recv != nil || fn.Type.Results != nil || !testForm.MatchString(fn.Name.Name) || len(fn.Type.Params.List) != 1 || len(fn.Body.List) == 0 {
		return false
	}
	ptr, ok := fn.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := ptr.X.(*ast.SelectorExpr)
	return ok && (sel.Sel.Name == "T" || sel.Sel.Name == "F" || sel.Sel.Name == "M" && fn.Name.Name == "TestMain")
}
