package core_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "mcpproxy-tray/"

// A rule says what a package may import beside the standard library. The table
// is the architecture: state flows down, intent flows by commands, and a hard
// dependency is imported by the one or two packages named here.
type rule struct {
	ours  []string // below internal/, unless they start with a slash
	third []string // prefixes of import paths
}

var layers = map[string]rule{
	"cmd/mcpproxy-tray": {
		ours:  []string{"core", "core/bridge", "core/clients", "core/toolcall", "core/config", "core/demo", "core/doctor", "core/guard", "core/tail", "tray", "tray/autostart", "tray/desktop", "tray/ui", "tray/notify", "stateview"},
		third: []string{"github.com/spf13/cobra", "golang.org/x/term"},
	},
	"internal/stateview": {},
	"internal/keep":      {},
	"internal/core": {
		ours:  []string{"core/*", "keep", "stateview"},
		third: []string{"github.com/gofrs/flock", "gopkg.in/natefinch/lumberjack.v2"},
	},
	"internal/core/config": {
		ours:  []string{"core/config/jsonc"},
		third: []string{"github.com/tailscale/hujson", "github.com/fsnotify/fsnotify", "github.com/adrg/xdg", "golang.org/x/text"},
	},
	"internal/core/doctor": {
		ours:  []string{"core/clients", "core/config", "core/guard", "core/shellpath", "core/store"},
		third: []string{"github.com/godbus/dbus"},
	},
	"internal/core/clients":      {ours: []string{"core/config", "core/config/jsonc", "keep"}, third: []string{"github.com/tailscale/hujson", "github.com/pelletier/go-toml"}},
	"internal/core/config/jsonc": {third: []string{"github.com/tailscale/hujson"}},
	"internal/core/supervisor":   {ours: []string{"core/call", "core/config", "core/approval", "stateview"}},
	"internal/core/upstream": {
		ours:  []string{"core/call", "core/config", "core/mcpheader", "core/rawjson", "stateview"},
		third: []string{"github.com/modelcontextprotocol/go-sdk", "golang.org/x/sys", "github.com/fsnotify/fsnotify"},
	},
	"internal/core/approval":   {},
	"internal/core/call":       {ours: []string{"core/rawjson"}},
	"internal/core/bridge":     {ours: []string{"core/mcpheader", "core/rawjson"}},
	"internal/core/toolcall":   {third: []string{"github.com/modelcontextprotocol/go-sdk"}},
	"internal/core/mcpheader":  {ours: []string{"core/rawjson"}},
	"internal/core/question":   {ours: []string{"core/rawjson"}},
	"internal/core/rawjson":    {},
	"internal/core/machine":    {third: []string{"github.com/godbus/dbus", "golang.org/x/sys"}},
	"internal/core/shellpath":  {third: []string{"golang.org/x/sys"}},
	"internal/core/faults":     {},                                                          // a table for documents and tests
	"internal/core/evilserver": {third: []string{"github.com/modelcontextprotocol/go-sdk"}}, // a program for tests; not linked into the binary
	"internal/core/oddserver":  {},                                                          // a program for tests; not linked into the binary
	"internal/core/guard":      {third: []string{"golang.org/x/sys"}},                       // for Windows alone
	"internal/core/store":      {ours: []string{"core/approval"}, third: []string{"go.etcd.io/bbolt"}},
	"internal/core/history":    {ours: []string{"core/call", "core/rawjson", "core/store", "stateview"}, third: []string{"go.etcd.io/bbolt"}},
	"internal/core/proxy":      {ours: []string{"core/call", "core/mcpheader", "core/rawjson", "core/search", "stateview"}, third: []string{"github.com/modelcontextprotocol/go-sdk"}},
	"internal/core/metrics":    {ours: []string{"stateview"}},
	"internal/core/search":     {ours: []string{"core/rawjson"}},
	"internal/core/httpapi":    {ours: []string{"core/history", "core/question", "core/tail", "stateview", "/docs"}},
	"internal/core/tail":       {third: []string{"github.com/fsnotify/fsnotify"}},
	"internal/core/demo":       {third: []string{"github.com/modelcontextprotocol/go-sdk"}},
	"internal/tray":            {ours: []string{"stateview", "tray/menu", "/assets"}},
	"internal/tray/menu":       {ours: []string{"stateview"}},
	"internal/tray/ui":         {ours: []string{"tray/menu", "tray/sni"}, third: []string{"fyne.io/systray"}},
	"internal/tray/sessionbus": {},
	"internal/tray/sni":        {ours: []string{"tray/menu", "tray/sessionbus"}, third: []string{"github.com/godbus/dbus"}},
	"internal/tray/notify": {
		ours:  []string{"keep", "stateview", "tray/sessionbus"},
		third: []string{"github.com/gen2brain/beeep", "github.com/godbus/dbus"},
	},
	"internal/tray/autostart": {third: []string{"golang.org/x/sys"}}, // for Windows alone
	"internal/tray/desktop":   {third: []string{"github.com/atotto/clipboard"}},
	"internal/tray/traytest":  {third: []string{"github.com/godbus/dbus"}}, // imported by tests only
	"assets":                  {},
	"packaging":               {}, // tests of what make install puts in place
	"packaging/windows":       {}, // the program that makes the resources; not linked into the binary
	"assets/draw":             {}, // the program that draws the icons; not linked into the binary

	"docs":                          {},                                                                            // what the program hands out of them
	"internal/core/httpapi/apitest": {ours: []string{"/docs"}, third: []string{"github.com/google/jsonschema-go"}}, // imported by tests only
}

// platforms are checked one by one: a file for one of them may import something of its own.
var platforms = [][2]string{{"linux", "0"}, {"windows", "0"}, {"darwin", "0"}}

func TestLayering(t *testing.T) {
	for _, p := range platforms {
		for pkg, imports := range packages(t, p[0], p[1]) {
			r, ok := layers[pkg]
			if !ok {
				t.Errorf("%s: package %s is not in the table of layers", p[0], pkg)
				continue
			}
			for _, imp := range imports {
				if !r.allows(imp) {
					t.Errorf("%s: %s imports %s, which its layer may not", p[0], pkg, imp)
				}
			}
		}
	}
}

// TestLayeringRefuses makes sure that the rules can say no.
func TestLayeringRefuses(t *testing.T) {
	for pkg, imp := range map[string]string{
		"internal/stateview":       module + "internal/core",
		"internal/core/httpapi":    module + "internal/core/supervisor",
		"internal/core/supervisor": module + "internal/core/upstream",
		"internal/tray":            module + "internal/core",
		"internal/tray/menu":       "fyne.io/systray",
		"internal/core/config":     "github.com/spf13/viper",
	} {
		if layers[pkg].allows(imp) {
			t.Errorf("%s may import %s", pkg, imp)
		}
	}
	if !layers["internal/core"].allows(module+"internal/core/proxy") || !layers["internal/stateview"].allows("sync/atomic") {
		t.Error("the rules refuse what they should allow")
	}
}

func (r rule) allows(imp string) bool {
	if our, ok := strings.CutPrefix(imp, module); ok {
		return slices.ContainsFunc(r.ours, func(pattern string) bool {
			pattern, rooted := strings.CutPrefix(pattern, "/")
			if !rooted {
				pattern = "internal/" + pattern
			}
			ok, _ := path.Match(pattern, our)
			return ok
		})
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return true // standard library
	}
	return slices.ContainsFunc(r.third, func(prefix string) bool {
		return imp == prefix || strings.HasPrefix(imp, prefix+"/")
	})
}

// packages lists this module's packages and what their non-test files import.
func packages(t *testing.T, goos, cgo string) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+"...")
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED="+cgo)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v", goos, err)
	}
	found := map[string][]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
	if len(found) < 3 {
		t.Fatalf("go list for %s found only %d packages", goos, len(found))
	}
	return found
}
