package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommittedIconsAreWhatIsDrawn(t *testing.T) {
	files, err := draw()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "icons", name))
		if err != nil || !same(t, name, got, want) {
			t.Errorf("icons/%s is not what the program draws (%v): run go generate ./assets", name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join("..", "icons"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(files) {
		t.Errorf("icons has %d files, the program draws %d", len(entries), len(files))
	}
}

func TestCommittedThemeIsWhatIsDrawn(t *testing.T) {
	files, err := hicolor()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", "..", "packaging", "linux", "icons", "hicolor")
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !same(t, name, got, want) {
			t.Errorf("%s is not what the program draws (%v): run go generate ./assets", name, err)
		}
	}
	found, err := filepath.Glob(filepath.Join(root, "*", "*", "*"))
	if err != nil || len(found) != len(files) {
		t.Errorf("%d files, the program draws %d (%v)", len(found), len(files), err)
	}
}

// same compares pictures, not compressed bytes, which another Go version may pack differently.
func same(t *testing.T, name string, a, b []byte) bool {
	t.Helper()
	if !strings.HasSuffix(name, ".png") {
		return bytes.Equal(a, b)
	}
	x, err := png.Decode(bytes.NewReader(a))
	if err != nil {
		t.Error(err)
		return false
	}
	y, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if x.Bounds() != y.Bounds() {
		return false
	}
	for i := range x.Bounds().Dx() {
		for j := range x.Bounds().Dy() {
			if x.At(i, j) != y.At(i, j) {
				return false
			}
		}
	}
	return true
}
