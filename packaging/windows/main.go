// Program windows writes what a Windows program carries beside its code, its icon, its
// manifest and its name, as COFF objects that the Go linker takes in by itself. Its
// output is committed; the same sources always make the same bytes.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed mcpproxy-tray.manifest
var manifest []byte

func main() {
	root := flag.String("root", ".", "the `directory` of the module")
	flag.Parse()
	for name, arch := range machines {
		object, err := build(*root, arch)
		if err == nil {
			err = os.WriteFile(filepath.Join(*root, "cmd", "mcpproxy-tray", name), object, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "windows:", err)
			os.Exit(1)
		}
	}
}

// build returns the object for a machine, made of the drawn icons.
func build(root string, m machine) ([]byte, error) {
	ico, err := os.ReadFile(filepath.Join(root, "assets", "icons", "normal.ico"))
	if err != nil {
		return nil, err
	}
	large, err := os.ReadFile(filepath.Join(root, "packaging", "linux", "icons", "hicolor", "256x256", "apps", "mcpproxy-tray.png"))
	if err != nil {
		return nil, err
	}
	icons, err := iconResources(ico, large)
	if err != nil {
		return nil, err
	}
	return object(m, append(icons, resource{typeVersion, 1, versionInfo()}, resource{typeManifest, 1, manifest})), nil
}
