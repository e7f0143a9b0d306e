package search

import (
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"create_issue":          "create issue",
		"getIssue":              "get issue getissue",
		"HTTPServer":            "http server httpserver",
		"parseJSON2":            "parse json2 parsejson2",
		"GitHub's API":          "git hub github s api",
		"s3-bucket.name":        "s3 bucket name",
		"Größe ÄNDERN":          "größe ändern",
		"查票now":                 "查 票 now",
		"a\xffb":                "a b",
		strings.Repeat("x", 41): "",
		strings.Repeat("x", 40): strings.Repeat("x", 40),
	} {
		var s splitter
		var got []string
		for range 2 { // the buffer is used again
			got = got[:0]
			s.split([]byte(text), func(w []byte) { got = append(got, string(w)) })
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("split(%q) = %q, want %q", text, g, want)
		}
	}
}

func TestStem(t *testing.T) {
	for _, forms := range []string{
		"create creates created creating creation creator",
		"query queries querying",
		"file files", "box boxes", "search searches searched searching", "stop stops stopped stopping",
		"commit commits committed committing", "generate generates generation generator", "delete deleted deleting deletion",
		"category categories", "configure configuration configuring", "translate translation translator", "move moves moved moving", "class classes",
	} {
		var stems []string
		for w := range strings.FieldsSeq(forms) {
			stems = append(stems, string(stem([]byte(w))))
		}
		if len(slices.Compact(slices.Clone(stems))) != 1 {
			t.Errorf("%s have the stems %v, want one", forms, stems)
		}
	}
	for _, apart := range [][2]string{{"new", "news"}, {"this", "thing"}, {"process", "proceed"}, {"universe", "universal"}, {"bus", "bu"}, {"ring", "r"}} {
		if a, b := string(stem([]byte(apart[0]))), string(stem([]byte(apart[1]))); a == b {
			t.Errorf("%s and %s are both %q", apart[0], apart[1], a)
		}
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		most int
		want int
	}{
		{"same", "same", 2, 0}, {"form", "from", 1, 1}, {"serch", "search", 1, 1}, {"searrch", "search", 1, 1},
		{"serach", "search", 1, 1}, {"sarech", "search", 2, 2}, {"abcd", "wxyz", 1, 2}, {"forceast", "forecast", 2, 1},
	} {
		if got := edits([]byte(c.a), c.b, c.most); got != c.want {
			t.Errorf("edits(%s, %s, %d) = %d, want %d", c.a, c.b, c.most, got, c.want)
		}
	}
}
