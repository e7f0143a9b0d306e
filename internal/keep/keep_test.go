package keep_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mcpproxy-tray/internal/keep"
)

type doc struct {
	N     int               `json:"n"`
	Names map[string]string `json:"names,omitempty"`
}

func add(d doc) (doc, bool) { d.N++; return d, true }

func TestValueSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.json")
	v := keep.Open[doc](path)
	changed := v.Changed()
	if err := v.Change(add); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was told of the change")
	}
	if got := keep.Open[doc](path).Load().N; got != 1 {
		t.Errorf("after a restart N = %d, want 1", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode = %v, %v: others can read it", info.Mode(), err)
	}
}

func TestChangingNothingWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.json")
	v := keep.Open[doc](path)
	changed := v.Changed()
	if err := v.Change(func(d doc) (doc, bool) { return d, false }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
		t.Error("told of a change that was none")
	default:
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written: %v", err)
	}
}

func TestBadFileIsTheZeroValue(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "half": `{"n":7,"names":{"a":`, "kind": `{"n":"x","names":{"a":"b"}}`, "list": "[]", "long": strings.Repeat(" ", 2<<20) + `{"n":1}`,
	} {
		path := filepath.Join(t.TempDir(), "v.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		v := keep.Open[doc](path)
		if got := v.Load(); got.N != 0 || got.Names != nil {
			t.Errorf("%s: value = %+v, want zero", name, got)
		}
		if kept, err := os.ReadFile(v.Damaged()); err != nil || string(kept) != content {
			t.Errorf("%s: kept %d bytes, %v, want what was there", name, len(kept), err)
		}
		if err := v.Change(add); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if v := keep.Open[doc](path); v.Load().N != 1 || v.Damaged() != "" {
			t.Errorf("%s: it is not mended by a change: N = %d, damaged %q", name, v.Load().N, v.Damaged())
		}
	}
	if got := keep.Open[doc](t.TempDir()).Load().N; got != 0 {
		t.Errorf("a folder: N = %d", got)
	}
}

func TestUnwritableHoldsUntilTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "v.json")
	v := keep.Open[doc](path)
	err := v.Change(add)
	if _, ok := errors.AsType[*keep.UnsavedError](err); !ok || !strings.Contains(err.Error(), path) {
		t.Errorf("err = %v, want one that names the file", err)
	}
	if got := v.Load().N; got != 1 {
		t.Errorf("N = %d, want 1", got)
	}
}

func TestChangesAtOnceAreAllKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "v.json")
	v := keep.Open[doc](path)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			err := v.Change(func(d doc) (doc, bool) {
				names := map[string]string{strconv.Itoa(i): ""}
				for k := range d.Names {
					names[k] = ""
				}
				d.Names = names
				return d, true
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(keep.Open[doc](path).Load().Names); got != 20 {
		t.Errorf("%d of 20 changes are kept", got)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("files = %v, %v, want one", files, err)
	}
}
