package assets_test

import (
	"bytes"
	"image/png"
	"testing"

	"mcpproxy-tray/assets"
)

func TestIcons(t *testing.T) {
	seen := map[string]string{}
	for _, state := range []string{"normal", "attention", "error", "paused"} {
		data := assets.PNG(state, "32")
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", state, err)
		}
		if b := img.Bounds(); b.Dx() != 32 || b.Dy() != 32 {
			t.Errorf("%s is %v, want 32 × 32", state, b)
		}
		if other, ok := seen[string(data)]; ok {
			t.Errorf("%s looks like %s", state, other)
		}
		seen[string(data)] = state
		if len(assets.Icon(state)) == 0 {
			t.Errorf("%s has no tray icon", state)
		}
	}
	if assets.Icon("other") != nil {
		t.Error("there is an icon of a state that does not exist")
	}
}
