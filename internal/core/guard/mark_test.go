package guard

import (
	"slices"
	"testing"
)

func TestMark(t *testing.T) {
	for _, c := range [][3]uint32{{0, 0, 0}, {1, 2, 3}, {1<<dataBits - 1, 1<<runBits - 1, 1<<numberBits - 2}} {
		m := newMark(c[0], c[1], c[2])
		if got := [3]uint32{m.data(), m.run(), m.number()}; got != c || !m.valid() {
			t.Errorf("newMark(%v) holds %v", c, got)
		}
		if got, ok := parseMark(m.String(), 16); !ok || got != m {
			t.Errorf("parseMark(%v) = %v, %v", m, got, ok)
		}
	}
	for _, s := range []string{"", "unlimited", "0", "65536", "18446744073709551615", "9223372036854775807", "-1"} {
		if m, ok := parseMark(s, 10); ok {
			t.Errorf("parseMark(%q) = %v", s, m)
		}
	}
}

func TestDataID(t *testing.T) {
	dir := t.TempDir()
	if dataID(dir) != dataID(dir+"/.") || dataID(dir) == dataID(dir+"/x") {
		t.Error("a directory has one id, and another one another")
	}
}

func TestInvitation(t *testing.T) {
	want := invitation{guard: 4711, run: 0xabcdef, restarts: 3}
	if got, ok := parseInvitation(want.String()); !ok || got != want {
		t.Errorf("parseInvitation(%v) = %v, %v", want, got, ok)
	}
	for _, s := range []string{"", "1", "1.2", "1.000002.x", "1.000002.3 ", "1.2.3.4"} {
		if in, ok := parseInvitation(s); ok {
			t.Errorf("parseInvitation(%q) = %v", s, in)
		}
	}
}

func TestNotes(t *testing.T) {
	for text, want := range map[string]struct {
		apart []int
		ended bool
	}{
		"":                                {nil, false},
		"apart 7\napart 9\n":              {[]int{7, 9}, false},
		"apart 7\nrubbish\n\nend 2\n":     {[]int{7}, true},
		"apart x\nend\nen 1\nendless 3\n": {nil, false},
	} {
		if apart, ended := parseNotes(text); !slices.Equal(apart, want.apart) || ended != want.ended {
			t.Errorf("parseNotes(%q) = %v, %v", text, apart, ended)
		}
	}
}

func TestNumbersOfTheLivingAreNotReused(t *testing.T) {
	tree := New()
	for n := range uint32(3) {
		tree.children[nil] = child{mark: newMark(0, tree.run, n+1)}
		tree.last = 0
		if got := tree.number(); got == n+1 || got == 0 {
			t.Errorf("number %d is in use", got)
		}
	}
	tree.last = 1<<numberBits - 1
	if got := tree.number(); got != 1 {
		t.Errorf("after the last number comes %d", got)
	}
}
