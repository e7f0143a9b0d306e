package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestEveryAnswerIsJSON makes sure that what is typed by hand can be read: odd, but not wrong.
func TestEveryAnswerIsJSON(t *testing.T) {
	requests := []string{
		`"method":"initialize","params":{"capabilities":{"roots":{}}}`, `"method":"server/discover"`, `"method":"ping"`,
		`"method":"tools/list"`, `"method":"tools/list","params":{"cursor":"odd cursor"}`, `"method":"prompts/list"`,
		`"method":"resources/list"`, `"method":"resources/templates/list"`, `"method":"resources/read","params":{"uri":"odd://a"}`,
		`"method":"resources/read","params":{"uri":"odd://none"}`, `"method":"prompts/get","params":{"name":"greet","arguments":{"who":"\u00e9"}}`,
		`"method":"completion/complete"`, `"method":"com.example/echo","params":{"a":1.0}`, `"method":"none"`,
	}
	for _, name := range []string{"odd", "mirror", "fail", "refuse", "steps", "talk", "task", "change", "touch", "waiting", "none"} {
		requests = append(requests, `"method":"tools/call","params":{"name":"`+name+`","arguments":{"what":["tools"],"uri":"odd://a"},"_meta":{"progressToken":1}}`)
	}
	for _, era := range []string{"2025-11-25", modernEra} {
		s := newServer(era)
		for _, text := range requests {
			var m message
			if err := json.Unmarshal([]byte(`{"id":1,`+text+`}`), &m); err != nil {
				t.Fatal(err)
			}
			var sent []string
			turn, end := newCaller().begin(m, func(text string) { sent = append(sent, text) })
			s.run(turn)
			end()
			if len(sent) == 0 {
				t.Errorf("%s: no answer to %s", era, text)
			}
			for _, answer := range sent {
				if !json.Valid([]byte(answer)) || strings.ContainsAny(answer, "\r\n") {
					t.Errorf("%s: %s is answered with %s", era, text, answer)
				}
			}
		}
	}
}

// TestMembersKeepTheirBytes holds the mirror to what it was sent.
func TestMembersKeepTheirBytes(t *testing.T) {
	s := newServer(modernEra)
	got := s.reflect(json.RawMessage(`{"z":1.0,"_meta":{"progressToken":1,"io.modelcontextprotocol/x":2,"b":9007199254740993},"a":-0}`))
	if want := `{"z":1.0,"_meta":{"b":9007199254740993},"a":-0}`; got != want {
		t.Errorf("reflect = %s, want %s", got, want)
	}
}
