// Program draw writes the tray icons as PNG and ICO files, and the program's icon for
// the desktop's menu as PNG and SVG files. Its output is committed; the same source
// always writes the same bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("o", "icons", "write the tray's icons into this `directory`")
	theme := flag.String("theme", "../packaging/linux/icons/hicolor", "write the desktop's icon into this `directory`")
	flag.Parse()
	files, err := draw()
	if err == nil {
		err = write(*dir, files)
	}
	if err == nil {
		files, err = hicolor()
	}
	if err == nil {
		err = write(*theme, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "draw:", err)
		os.Exit(1)
	}
}

func write(dir string, files map[string][]byte) error {
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
