package main

import (
	"bytes"
	"debug/pe"
	"os"
	"path/filepath"
	"testing"
)

const root = "../.."

func TestCommittedObjectsAreWhatIsMade(t *testing.T) {
	for name, m := range machines {
		want, err := build(root, m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, "cmd", "mcpproxy-tray", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the program makes (%v): run make resources", name, err)
		}
	}
}

// TestObject reads the resources back, as Windows walks them.
func TestObject(t *testing.T) {
	for name, m := range machines {
		data, err := build(root, m)
		if err != nil {
			t.Fatal(err)
		}
		f, err := pe.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		section := f.Section(".rsrc")
		if f.Machine != m.id || section == nil || len(f.Symbols) != 1 || f.Symbols[0].SectionNumber != 1 {
			t.Fatalf("%s: %+v, %+v", name, f.FileHeader, f.Symbols)
		}
		content, err := section.Data()
		if err != nil {
			t.Fatal(err)
		}
		found := map[uint32][][]byte{}
		var leaves []uint32
		walk(content, 0, func(kind uint32, leaf uint32) {
			at, size := le.Uint32(content[leaf:]), le.Uint32(content[leaf+4:])
			found[kind] = append(found[kind], content[at:][:size])
			leaves = append(leaves, leaf)
		})
		if len(found[typeIcon]) != 5 || len(found[typeIconGroup]) != 1 || len(found[typeVersion]) != 1 || len(found[typeManifest]) != 1 {
			t.Errorf("%s: %d icons, %d groups", name, len(found[typeIcon]), len(found[typeIconGroup]))
		}
		if !bytes.Equal(found[typeManifest][0], manifest) || !bytes.Contains(found[typeVersion][0], wide("FileDescription")) {
			t.Errorf("%s: manifest or version are not what they were", name)
		}
		if group := found[typeIconGroup][0]; len(group) != 6+14*5 || !bytes.HasPrefix(found[typeIcon][4], []byte("\x89PNG")) {
			t.Errorf("%s: a group of %d bytes", name, len(group))
		}
		if len(section.Relocs) != len(leaves) {
			t.Fatalf("%s: %d relocations for %d leaves", name, len(section.Relocs), len(leaves))
		}
		for i, r := range section.Relocs {
			if r.VirtualAddress != leaves[i] || r.Type != m.reloc {
				t.Errorf("%s: relocation %+v, want of %d", name, r, leaves[i])
			}
		}
	}
}

// walk calls leaf for each leaf below the directory of types.
func walk(content []byte, at uint32, leaf func(kind, at uint32)) {
	children(content, at, func(kind, ids uint32) {
		children(content, ids&^isDir, func(_, languages uint32) {
			children(content, languages&^isDir, func(_, at uint32) { leaf(kind, at) })
		})
	})
}

func children(content []byte, at uint32, do func(id, at uint32)) {
	for i := range uint32(le.Uint16(content[at+14:])) {
		entry := content[at+dirSize+entrySize*i:]
		do(le.Uint32(entry), le.Uint32(entry[4:]))
	}
}

func TestBrokenIcons(t *testing.T) {
	for _, ico := range []string{"", "\x00\x00\x01\x00\x01\x00", "\x00\x00\x01\x00\x01\x00" + "0123456789abcdef"} {
		if _, err := iconResources([]byte(ico), nil); err == nil {
			t.Errorf("%q was taken", ico)
		}
	}
}
