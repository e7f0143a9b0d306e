package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra/doc"
)

// manDir holds the pages of the manual.
const manDir = "../../packaging/man"

var writeMan = flag.Bool("man", false, "write the pages of the manual")

// TestManual makes sure that the pages of the manual say what the commands say; make man
// writes them.
func TestManual(t *testing.T) {
	pages := t.TempDir()
	if *writeMan {
		pages = manDir
		old, err := filepath.Glob(filepath.Join(manDir, "*.1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	root := newRoot(nil)
	root.DisableAutoGenTag = true // no date of today in each page
	day := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	if err := doc.GenManTree(root, &doc.GenManHeader{Title: "MCPPROXY-TRAY", Section: "1", Date: &day, Source: "mcpproxy-tray", Manual: "User commands"}, pages); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadDir(pages)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadDir(manDir)
	if err != nil {
		t.Fatalf("%v\nrun make man", err)
	}
	if len(have) != len(want) || len(want) < 20 {
		t.Errorf("%d pages, want %d: run make man", len(have), len(want))
	}
	for _, e := range want {
		a, errA := os.ReadFile(filepath.Join(pages, e.Name()))
		b, errB := os.ReadFile(filepath.Join(manDir, e.Name()))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not what the commands say: run make man", e.Name())
		}
	}
}
