package upstream

import (
	"path/filepath"
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

func TestSafeForBatch(t *testing.T) {
	for _, arg := range []string{"", "-y", "@scope/pkg@1.2.3", `C:\Users\me\My Notes`, "--a=b,c;d", "ü", "it's", "*", "~", "$(x)"[:1]} {
		if !safeForBatch(arg) {
			t.Errorf("%q is refused", arg)
		}
	}
	for _, arg := range []string{"a&calc", "a|b", "a>b", "<", "^", "%PATH%", "!x!", `"`, `a" & calc "`, "(", ")", "a\nb", "a\rb", "\x1a"} {
		if safeForBatch(arg) {
			t.Errorf("%q is let through", arg)
		}
	}
}
