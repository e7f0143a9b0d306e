package upstream

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The texts are what the package managers write, shortened by what does not matter.
func TestShimScript(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"npm, global package", "@ECHO off\r\nGOTO start\r\n:find_dp0\r\nSET dp0=%~dp0\r\nEXIT /b\r\n:start\r\nSETLOCAL\r\nCALL :find_dp0\r\n\r\n" +
			"IF EXIST \"%dp0%\\node.exe\" (\r\n  SET \"_prog=%dp0%\\node.exe\"\r\n) ELSE (\r\n  SET \"_prog=node\"\r\n)\r\n\r\n" +
			"endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & \"%_prog%\"  \"%dp0%\\node_modules\\mcp-x\\dist\\index.js\" %*\r\n",
			"node_modules/mcp-x/dist/index.js"},
		{"npx of node", "@ECHO OFF\r\nSETLOCAL\r\nSET \"NODE_EXE=%~dp0\\node.exe\"\r\nIF NOT EXIST \"%NODE_EXE%\" (\r\n  SET \"NODE_EXE=node\"\r\n)\r\n" +
			"SET \"NPM_PREFIX_JS=%~dp0\\node_modules\\npm\\bin\\npm-prefix.js\"\r\nSET \"NPX_CLI_JS=%~dp0\\node_modules\\npm\\bin\\npx-cli.js\"\r\n" +
			"\"%NODE_EXE%\" \"%NPX_CLI_JS%\" %*\r\n", "node_modules/npm/bin/npx-cli.js"},
		{"pnpm", "@SETLOCAL\r\n@IF EXIST \"%~dp0\\node.exe\" (\r\n  \"%~dp0\\node.exe\"  \"%~dp0\\..\\x\\cli.mjs\" %*\r\n) ELSE (\r\n  node  \"%~dp0\\..\\x\\cli.mjs\" %*\r\n)\r\n",
			"../x/cli.mjs"},
		{"two scripts", "\"%~dp0\\a.js\" %*\r\n\"%~dp0\\b.js\" %*\r\n", ""},
		{"not a shim", "@echo off\r\npython server.py %*\r\n", ""},
		{"options for node", "\"%_prog%\" --max-old-space-size=1 \"%dp0%\\a.js\" %*\r\n", ""},
		{"words after it", "node --require evil \"%~dp0\\a.js\" --flag %*\r\n", ""},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := ""
			if tt.want != "" {
				want = filepath.Join("/tools", tt.want)
			}
			if got := shimScript("/tools/x.cmd", tt.text); got != want {
				t.Errorf("script = %q, want %q", got, want)
			}
		})
	}
}

func TestBatchFileWithoutShell(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o700)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	node := put("node.exe", "")
	script := put("node_modules/x/cli.js", "")
	shim := put("x.cmd", `"%_prog%"  "%dp0%\node_modules\x\cli.js" %*`)
	gone := put("gone.cmd", `"%_prog%"  "%dp0%\node_modules\gone\cli.js" %*`)
	plain := put("plain.bat", "@echo off")
	odd := put("a&calc/plain.bat", "@echo off")
	for _, tt := range []struct {
		name, program, arg string
		want               []string // nil: refused
	}{
		{"a shim", shim, "a&calc", []string{node, script, "a&calc"}},
		{"a shim without its script", gone, "a&calc", nil},
		{"a shim without its script, plain argument", gone, "-y", []string{gone, "-y"}},
		{"any other", plain, "C:\\My Files", []string{plain, "C:\\My Files"}},
		{"any other, argument that is a command", plain, "a & calc", nil},
		{"a path that is a command", odd, "-y", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := &exec.Cmd{Path: tt.program, Args: []string{"x", tt.arg}}
			err := testConnector().withoutShell(cmd, dir, "x")
			if tt.want == nil {
				wantProblem(t, err, "MPT-CMD-BATCH", "config")
				return
			}
			if err != nil || !slices.Equal(cmd.Args, tt.want) || cmd.Path != tt.want[0] {
				t.Errorf("runs %q (%s), %v, want %q", cmd.Args, cmd.Path, err, tt.want)
			}
		})
	}
}

func TestArgumentsOfBatchFiles(t *testing.T) {
	try := func(arg string) error {
		return testConnector().withoutShell(&exec.Cmd{Path: "/tools/x.cmd", Args: []string{"x", "-y", arg}}, "", "x")
	}
	for _, arg := range []string{"", "-y", "@scope/pkg@1.2.3", `C:\Users\me\My Notes`, "--a=b,c;d", "ü", "it's", "*", "~", "$"} {
		if err := try(arg); err != nil {
			t.Errorf("%q is refused: %v", arg, err)
		}
	}
	for _, arg := range []string{"a&calc", "a|b", "a>b", "<", "^", "%PATH%", "!x!", `"`, `a" & calc "`, "(", ")", "a\nb", "a\rb", "\x1a"} {
		if p := wantProblem(t, try(arg), "MPT-CMD-BATCH", "config"); len(arg) > 3 && strings.Contains(p.Text, arg) {
			t.Errorf("%q tells the argument, which may be secret", p.Text)
		}
	}
}
