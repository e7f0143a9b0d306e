package search

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func tool(server, own, text string) Tool {
	return Tool{Name: server + "__" + own, Server: server, Own: own, Definition: fmt.Sprintf(`{"name":%q,"description":%q}`, own, text)}
}

// few are tools of which each is the answer to some question.
var few = Build([]Tool{
	tool("github", "createIssue", "Opens a new ticket in a repository."),
	tool("github", "list_pull_requests", "Lists the open pull requests."),
	tool("files", "read_file", "Reads the contents of a file."),
	tool("files", "delete_file", "Removes a file for ever."),
	tool("weather", "forecast", "How the weather will be in a city."),
	tool("kalender", "termin_löschen", "Löscht einen Termin; Größe egal."),
	tool("trains", "查询车票", "查询12306购票信息。"),
	{Name: "shop__order", Server: "shop", Own: "order", Definition: `{"name":"order","title":"Buy groceries","inputSchema":{"properties":{"deliverySlot":{"description":"when the courier \u0063omes"}}}}`},
	tool("accounts", "create_user", "Makes one."),
	tool("accounts", "create_group", "Makes one."),
	tool("browser", "go_back", "To the page before."),
	tool("browser", "go_forward", "To the page after."),
	{Name: "broken__thing", Server: "broken", Own: "thing", Definition: `{"name":`},
})

func names(results []Result) (all []string) {
	for _, r := range results {
		all = append(all, r.Name)
	}
	return all
}

func TestFindPutsTheRightToolFirst(t *testing.T) {
	for query, want := range map[string]string{
		"create issue":             "github__createIssue",
		"createissue":              "github__createIssue",
		"CREATE_ISSUE":             "github__createIssue",
		"creating issues":          "github__createIssue",
		"craete isseu":             "github__createIssue", // neighbours swapped
		"make a bug":               "github__createIssue", // other words for it
		"pull request":             "github__list_pull_requests",
		"github pull":              "github__list_pull_requests",
		"erase file":               "files__delete_file",
		"show me the file":         "files__read_file",
		"wether":                   "weather__forecast", // a letter missing
		"weatherr":                 "weather__forecast", // a letter too much
		"create a user":            "accounts__create_user",
		"go back":                  "browser__go_back",
		"repos":                    "github__createIssue",
		"forec":                    "weather__forecast", // an abbreviation
		"groceries":                "shop__order",       // of the title
		"delivery slot":            "shop__order",       // of a parameter's name
		"couriers":                 "shop__order",       // of a parameter's description
		"comes":                    "shop__order",       // written with an escape
		"termin LÖSCHEN":           "kalender__termin_löschen",
		"车票":                       "trains__查询车票",
		"broken thing":             "broken__thing", // its definition says nothing
		"github__createIssue":      "github__createIssue",
		"what is the weather like": "weather__forecast",
	} {
		got := few.Find(nil, Query{Text: query})
		if len(got) == 0 || got[0].Name != want {
			t.Errorf("Find(%q) = %v, want %s first", query, names(got), want)
		}
	}
}

func TestFindNothing(t *testing.T) {
	var zero Index
	for _, text := range []string{"", " \t", "the of and", "zzzzzz", "\xff\xfe", "!!"} {
		if got := few.Find(nil, Query{Text: text}); len(got) != 0 {
			t.Errorf("Find(%q) = %v, want none", text, names(got))
		}
	}
	if got := zero.Find(nil, Query{Text: "file"}); len(got) != 0 || zero.Len() != 0 {
		t.Errorf("an empty index finds %v", names(got))
	}
	if got := Build(nil).Find(nil, Query{Text: "file"}); len(got) != 0 {
		t.Errorf("an index of no tools finds %v", names(got))
	}
}

func TestFindKeepsToFilters(t *testing.T) {
	annotated := func(name, hints string) Tool {
		return Tool{Name: "s__" + name, Server: "s", Own: name, Definition: `{"name":"x","description":"file","annotations":` + hints + `}`}
	}
	x := Build([]Tool{
		annotated("read", `{"readOnlyHint":true}`),
		annotated("write", `{"readOnlyHint":false,"destructiveHint":false}`),
		annotated("wipe", `{"destructiveHint":true}`),
		annotated("silent", `{}`),
		annotated("odd", `{"readOnlyHint":"yes","destructiveHint":1}`),
		annotated("torn", `{"readOnlyHint":true,"destructiveHint":true}`),
		tool("other", "file", "file"),
	})
	for _, c := range []struct {
		q    Query
		want []string
	}{
		{Query{Effect: Reads}, []string{"s__read"}},
		{Query{Effect: Writes}, []string{"s__write"}},
		{Query{Effect: Destroys}, []string{"other__file", "s__odd", "s__silent", "s__torn", "s__wipe"}},
		{Query{Effect: Destroys, Server: "s"}, []string{"s__odd", "s__silent", "s__torn", "s__wipe"}},
		{Query{Server: "other"}, []string{"other__file"}},
		{Query{Server: "none"}, nil},
	} {
		c.q.Text, c.q.Limit = "file", 10
		got := names(x.Find(nil, c.q))
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("Find(%+v) = %v, want %v", c.q, got, c.want)
		}
	}
	if got := HintsOf(`{"annotations":{"readOnlyHint":true,"destructiveHint":false}}`); got != (Hints{Yes, No}) {
		t.Errorf("HintsOf = %v, want yes, no", got)
	}
}

func TestFindIsInOrderAndLimited(t *testing.T) {
	var tools []Tool
	for i := range 300 {
		tools = append(tools, tool(fmt.Sprintf("s%03d", i), "read_file", "Reads a file."))
	}
	forward := Build(tools)
	slices.Reverse(tools)
	backward := Build(tools)
	for limit, want := range map[int]int{-1: 5, 0: 5, 1: 1, 7: 7, 100: 100, 1000: 100} {
		q := Query{Text: "read file", Limit: limit}
		got := names(forward.Find(nil, q))
		if len(got) != want || !slices.IsSorted(got) || got[0] != "s000__read_file" {
			t.Errorf("limit %d: %d results from %v, want the first %d by name", limit, len(got), got[:1], want)
		}
		if other := names(backward.Find(nil, q)); !slices.Equal(got, other) {
			t.Errorf("limit %d: the order of building shows: %v and %v", limit, got, other)
		}
	}
}

// TestFindLeavesNothingBehind asks one index from many sides at once.
func TestFindLeavesNothingBehind(t *testing.T) {
	queries := []string{"create issue", "erase file", "wether", "pull", "车票 file", "zzzz"}
	want := map[string][]Result{}
	for _, q := range queries {
		want[q] = Build(few.tools).Find(nil, Query{Text: q})
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				q := queries[(i+j)%len(queries)]
				if got := few.Find(nil, Query{Text: q}); !slices.Equal(got, want[q]) {
					t.Errorf("Find(%q) = %v, want %v", q, got, want[q])
				}
			}
		})
	}
	wg.Wait()
}

func TestFindAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector empties pools: allocations are not counted")
		return
	}
	tools, queries := corpus(t, 2000)
	x := Build(tools)
	results := make([]Result, 0, maxLimit)
	n := 0
	allocs := testing.AllocsPerRun(500, func() {
		results = x.Find(results[:0], Query{Text: queries[n%len(queries)], Limit: 20})
		n++
	})
	if allocs > 0 {
		t.Errorf("%v allocations a query, want 0", allocs)
	}
}

// TestOneServerCannotFloodTheIndex bounds what a tool with endless text costs.
func TestOneServerCannotFloodTheIndex(t *testing.T) {
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "word%d ", i)
	}
	x := Build([]Tool{tool("s", "flood", text.String()), tool("s", "read_file", "Reads it.")})
	if len(x.terms) > maxWords+20 {
		t.Errorf("%d terms of one tool, want at most about %d", len(x.terms), maxWords)
	}
	if got := x.Find(nil, Query{Text: strings.Repeat("raed fiel ", 10_000)}); len(got) == 0 || got[0].Own != "read_file" {
		t.Errorf("found %v, want read_file first", names(got))
	}
}

func FuzzFind(f *testing.F) {
	f.Add("createIssue HTTPServer 车票 é", `{"description":"x\ud83d\ude00\u00","annotations":{"readOnlyHint":true}}`)
	f.Add(strings.Repeat("aB", 100)+"\xff", `{"inputSchema":{"properties":{"\\":{"description":"\q"}}}}`)
	f.Fuzz(func(t *testing.T, text, definition string) {
		x := Build([]Tool{{Name: "n", Server: "s", Own: text, Definition: definition}, few.tools[0]})
		got := x.Find(nil, Query{Text: text, Limit: 1})
		for _, r := range got {
			if !(r.Score > 0) {
				t.Errorf("%s has the score %v", r.Name, r.Score)
			}
		}
		if again := x.Find(nil, Query{Text: text, Limit: 1}); !slices.Equal(got, again) || len(got) > 1 {
			t.Errorf("found %v, then %v", got, again)
		}
		for term := range x.terms {
			if !utf8.ValidString(term) || len(term) > maxWord+utf8.UTFMax {
				t.Errorf("the term %q", term)
			}
		}
	})
}
