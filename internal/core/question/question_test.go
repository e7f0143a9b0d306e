package question

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const form = `{"message":"Who are you?","requestedSchema":{"type":"object","required":["name","agree"],"properties":{
 "name":{"type":"string","title":"Name","description":"As in the list","minLength":2,"maxLength":5},
 "mail":{"type":"string","format":"email"},"home":{"type":"string","format":"uri"},
 "day":{"type":"string","format":"date"},"at":{"type":"string","format":"date-time"},
 "n":{"type":"integer","minimum":0,"maximum":9007199254740993},"x":{"type":"number","default":0.5},
 "agree":{"type":"boolean","default":true},
 "color":{"type":"string","enum":["r","g"],"enumNames":["red"],"default":"g"},
 "size":{"type":"string","oneOf":[{"const":"s","title":"Small"},{"const":"l"}]},
 "tags":{"type":"array","minItems":1,"maxItems":2,"items":{"type":"string","enum":["a","b","c"]},"default":["a"]},
 "more":{"type":"array","items":{"anyOf":[{"const":"p","title":"P!"}]}}}}}`

func always() bool { return true }

func newDesk(limit time.Duration) *Desk {
	return NewDesk(func() time.Duration { return limit }, always)
}

// ask puts a question on the desk and returns where its end will arrive.
func ask(t *testing.T, d *Desk, ctx context.Context, server, params string) <-chan string {
	t.Helper()
	done := make(chan string, 1)
	go func() {
		result, rpcErr, err := d.Ask(ctx, server, json.RawMessage(params))
		if err != nil {
			done <- "err " + err.Error()
			return
		}
		done <- string(result) + string(rpcErr)
	}()
	synctest.Wait()
	return done
}

func TestAnswers(t *testing.T) {
	full := map[string][]string{"name": {"Jo"}, "mail": {"jo@example.org"}, "home": {"https://x.y"}, "day": {"2026-02-28"}, "at": {"2026-02-28T01:02:03Z"},
		"n": {"9007199254740993"}, "x": {"1.50"}, "agree": {"false"}, "color": {"r"}, "size": {"l"}, "tags": {"c", "a"}, "more": {"p"}}
	for _, tt := range []struct {
		action string
		change map[string][]string
		want   string
	}{
		{Accept, nil, `{"action":"accept","content":{"name":"Jo","mail":"jo@example.org","home":"https://x.y","day":"2026-02-28","at":"2026-02-28T01:02:03Z","n":9007199254740993,"x":1.50,"agree":false,"color":"r","size":"l","tags":["c","a"],"more":["p"]}}`},
		{Decline, nil, `{"action":"decline"}`},
		{Cancel, nil, `{"action":"cancel"}`},
		{Accept, map[string][]string{"mail": {""}, "home": nil, "day": nil, "at": nil, "n": nil, "x": nil, "color": nil, "size": nil, "more": nil},
			`{"action":"accept","content":{"name":"Jo","agree":false,"tags":["c","a"]}}`},
		{Accept, map[string][]string{"name": {""}}, "name: This is needed."},
		{Accept, map[string][]string{"name": {"J"}}, "name: Write at least 2 characters."},
		{Accept, map[string][]string{"name": {"éééééé"}}, "name: Write at most 5 characters."},
		{Accept, map[string][]string{"name": {"\xff\xff"}}, "name: This is not text."},
		{Accept, map[string][]string{"name": {"Jo", "Al"}}, "name: Only one value fits here."},
		{Accept, map[string][]string{"mail": {"jo"}}, "mail: Write an e-mail address like me@example.org."},
		{Accept, map[string][]string{"home": {"x/y"}}, "home: Write an address like https://example.org."},
		{Accept, map[string][]string{"day": {"2026-02-30"}}, "day: Write a date like 2026-12-31."},
		{Accept, map[string][]string{"at": {"now"}}, "at: Write a time like 2026-12-31T23:59:00Z."},
		{Accept, map[string][]string{"n": {"1.5"}}, "n: Write a whole number."},
		{Accept, map[string][]string{"n": {"-1"}}, "n: Write 0 or more."},
		{Accept, map[string][]string{"n": {`1,"y":2`}}, "n: Write a number."},
		{Accept, map[string][]string{"x": {"NaN"}}, "x: Write a number."},
		{Accept, map[string][]string{"agree": {"on"}}, "agree: Write true or false."},
		{Accept, map[string][]string{"color": {"b"}}, "color: Choose one of those offered."},
		{Accept, map[string][]string{"tags": {"a", "b", "c"}}, "tags: Choose 2 at most."},
		{Accept, map[string][]string{"tags": {"a", "a"}}, "tags: Choose from those offered, each once."},
		{Accept, map[string][]string{"tags": nil}, "tags: Choose 1 or more."},
		{Accept, map[string][]string{"other": {"x"}}, "other: This was not asked."},
		{"agree", nil, ErrAction.Error()},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(time.Minute)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := ask(t, d, ctx, "s", form)
			values := map[string][]string{}
			for _, m := range []map[string][]string{full, tt.change} {
				for k, v := range m {
					values[k] = v
				}
			}
			err := d.Answer(d.Open()[0].ID, tt.action, values)
			var got string
			if e, ok := errors.AsType[*InvalidError](err); ok {
				for name, text := range e.Fields {
					got += name + ": " + text
				}
			} else if err != nil {
				got = err.Error()
			} else {
				got = <-done
			}
			if got != tt.want {
				t.Errorf("%s %v\n got %s\nwant %s", tt.action, tt.change, got, tt.want)
			}
			if open := len(d.Open()); open != 0 && err == nil || open != 1 && err != nil {
				t.Errorf("%d questions wait, error %v", open, err)
			}
		})
	}
}

func TestFields(t *testing.T) {
	q, wrong := parse(json.RawMessage(form))
	if wrong != "" || len(q.Fields) != 12 {
		t.Fatalf("%d fields, %q", len(q.Fields), wrong)
	}
	color := q.Fields[8]
	if color.Kind != Choice || fmt.Sprint(color.Options, color.Default) != "[{r red} {g g}] [g]" || !q.Fields[0].Required || q.Fields[1].Required {
		t.Errorf("%+v", q.Fields)
	}
	if s := q.Fields[9]; fmt.Sprint(s.Options) != "[{s Small} {l l}]" {
		t.Errorf("%+v", s)
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	schema := func(property string) string {
		return `{"message":"m","requestedSchema":{"type":"object","properties":{"p":` + property + `}}}`
	}
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprintf(`"p%d":{"type":"string"}`, i))
	}
	for _, params := range []string{
		``, `7`, `{}`, `{"message":""}`, `{"message":"m"}`, `{"message":"m","requestedSchema":{"type":"array"}}`, `{"message":"m","mode":"voice"}`,
		schema(`{"type":"object","properties":{}}`), schema(`{"type":"array","items":{"type":"object"}}`), schema(`{"type":"null"}`), schema(`[]`), schema(`true`),
		`{"message":"m","requestedSchema":{"type":"object","properties":{` + strings.Join(many, ",") + `}}}`,
		schema(`{"type":"string","enum":["` + strings.Repeat(`x","`, 300) + `y"]}`),
		`{"message":"` + strings.Repeat("x", maxBytes) + `","requestedSchema":{"type":"object"}}`,
		`{"message":"m","mode":"url","url":"javascript:alert(1)"}`, `{"message":"m","mode":"url","url":"https://user:pw@example.org"}`, `{"message":"m","mode":"url","url":"/x"}`, `{"message":"m","mode":"url"}`,
	} {
		d := newDesk(time.Minute)
		result, rpcErr, err := d.Ask(t.Context(), "s", json.RawMessage(params))
		if err != nil || result != nil || !json.Valid(rpcErr) || !strings.Contains(string(rpcErr), "-32602") {
			t.Errorf("%.80s: %s, %s, %v", params, result, rpcErr, err)
		}
	}
}

func TestTimeLimitAndCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(time.Minute)
		changed := d.Changed()
		done := ask(t, d, t.Context(), "s", `{"message":"m","mode":"url","url":"https://example.org/a"}`)
		<-changed
		q := d.Open()[0]
		if q.URL != "https://example.org/a" || q.Until.Sub(q.Asked) != time.Minute || q.Server != "s" {
			t.Errorf("%+v", q)
		}
		began := time.Now()
		if got := <-done; got != `{"action":"cancel"}` || time.Since(began) != time.Minute {
			t.Errorf("%s after %v", got, time.Since(began))
		}
		if err := d.Answer(q.ID, Accept, nil); err != ErrUnknown {
			t.Errorf("answer too late: %v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		done = ask(t, d, ctx, "s", `{"message":"m","requestedSchema":{"type":"object"}}`)
		cancel(errors.New("the call is over"))
		if got := <-done; got != "err the call is over" {
			t.Error(got)
		}
		synctest.Wait()
		if len(d.Open()) != 0 {
			t.Error("a question is left")
		}
	})
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(time.Minute)
		var all []<-chan string
		for i := range maxOpen + 10 {
			all = append(all, ask(t, d, t.Context(), fmt.Sprint(i/(maxServer+1)), `{"message":"m","requestedSchema":{"type":"object"}}`))
		}
		if n := len(d.Open()); n != maxOpen {
			t.Errorf("%d questions wait", n)
		}
		refused := 0
		for _, done := range all {
			if got := <-done; strings.Contains(got, "Too many") {
				refused++
			} else if got != `{"action":"cancel"}` {
				t.Error(got)
			}
		}
		if refused != 10 {
			t.Errorf("%d refused", refused)
		}
	})
}

// TestOneAnswer: of many who answer at once one does.
func TestOneAnswer(t *testing.T) {
	d := newDesk(time.Minute)
	changed := d.Changed()
	done := make(chan json.RawMessage, 1)
	go func() {
		result, _, _ := d.Ask(t.Context(), "s", json.RawMessage(`{"message":"m","requestedSchema":{"type":"object"}}`))
		done <- result
	}()
	<-changed
	id := d.Open()[0].ID
	var wg sync.WaitGroup
	errs := make(chan error, 50)
	for range 50 {
		wg.Go(func() { errs <- d.Answer(id, Accept, nil) })
	}
	wg.Wait()
	close(errs)
	took := 0
	for err := range errs {
		if err == nil {
			took++
		}
	}
	if got := string(<-done); took != 1 || got != `{"action":"accept","content":{}}` {
		t.Errorf("%d answers were taken: %s", took, got)
	}
}

func TestValues(t *testing.T) {
	got, ok := Values(json.RawMessage(`{"a":"x","b":1.50,"c":true,"d":["p","q"]}`))
	if !ok || fmt.Sprint(got) != "map[a:[x] b:[1.50] c:[true] d:[p q]]" {
		t.Errorf("%v, %v", got, ok)
	}
	for _, bad := range []string{`[]`, `7`, `{"a":{}}`, `{"a":null}`, `{"a":[1]}`, `{`, `{"a":[{}]}`} {
		if v, ok := Values(json.RawMessage(bad)); ok {
			t.Errorf("%s became %v", bad, v)
		}
	}
}

func FuzzAsk(f *testing.F) {
	f.Add([]byte(form))
	f.Add([]byte(`{"message":"m","mode":"url","url":"https://example.org"}`))
	f.Fuzz(func(t *testing.T, params []byte) {
		if !json.Valid(params) {
			return
		}
		q, wrong := parse(params)
		if wrong != "" {
			return
		}
		values := map[string][]string{}
		for _, field := range q.Fields {
			values[field.Name] = field.Default
		}
		if content, err := encode(q.Fields, values); err == nil && !json.Valid(content) {
			t.Errorf("%s", content)
		}
	})
}

// TestAnswerAtTheLastMoment: who was told that an answer counts is not ignored.
func TestAnswerAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			d := newDesk(time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			done := ask(t, d, ctx, "s", `{"message":"m","requestedSchema":{"type":"object"}}`)
			id := d.Open()[0].ID
			time.Sleep(time.Minute)
			want := `{"action":"cancel"}`
			if d.Answer(id, Decline, nil) == nil {
				want = `{"action":"decline"}`
			}
			if got := <-done; got != want && (want != `{"action":"cancel"}` || got != "err context deadline exceeded") {
				t.Fatalf("%s, want %s", got, want)
			}
			cancel()
		}
	})
}
