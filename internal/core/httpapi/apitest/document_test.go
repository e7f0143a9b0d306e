package apitest

import (
	"net/http"
	"testing"
)

// TestDocumentCanSayNo: a check that accepts everything would prove nothing.
func TestDocumentCanSayNo(t *testing.T) {
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, target string
		status         int
		kind, body     string
		ok             bool
	}{
		{"GET", "/api/v1/servers", 200, "application/json", `{"version":1,"servers":[]}`, true},
		{"GET", "/api/v1/servers?x=1", 400, "application/json", `{"error":{"code":"MPT-X","text":"T."}}`, true},
		{"GET", "/api/v1/servers/a%2Fb", 200, "application/json; charset=utf-8", `{"name":"a","state":"failed","enabled":true,"tools":{"total":0,"approved":0,"held":0},"version":1,"launch":"x"}`, true},
		{"GET", "/api/v1/servers", 304, "", ``, true},
		{"GET", "/api/v1/events", 200, "text/event-stream", `retry: 1`, true},
		{"GET", "/api/v1/servers", 304, "", `x`, false},
		{"GET", "/api/v1/servers", 202, "application/json", `{}`, false},
		{"GET", "/api/v1/servers", 200, "text/html", `{"version":1,"servers":[]}`, false},
		{"GET", "/api/v1/servers", 200, "application/json", `{"version":1,"servers":[],"more":1}`, false},
		{"GET", "/api/v1/servers", 200, "application/json", `{"version":-1,"servers":[]}`, false},
		{"GET", "/api/v1/servers", 200, "application/json", `{"version":1,"servers":[{"name":"a","state":"lost","enabled":true,"tools":{"total":0,"approved":0,"held":0},"version":1}]}`, false},
		{"GET", "/api/v1/servers", 200, "application/json", `{"version":1,"servers":[{"name":"a","state":"failed","enabled":true,"tools":{"total":0,"approved":0,"held":0},"version":1,"launch":"x"}]}`, false},
		{"GET", "/api/v1/servers", 404, "application/json", `{"error":{"code":"x","text":"T."}}`, false},
		{"PUT", "/api/v1/servers", 200, "application/json", `{"version":1,"servers":[]}`, false},
		{"GET", "/api/v1/servers/a/b/c", 200, "application/json", `{}`, false},
	} {
		err := d.Check(c.method, c.target, c.status, http.Header{"Content-Type": {c.kind}}, []byte(c.body))
		if (err == nil) != c.ok {
			t.Errorf("%s %s %d %s: %v", c.method, c.target, c.status, c.body, err)
		}
	}
	if d.CheckSchema("Change", []byte(`{"version":2,"removed":"a"}`)) != nil || d.CheckSchema("Change", []byte(`{"version":2}`)) == nil || d.CheckSchema("None", []byte(`{}`)) == nil {
		t.Error("a schema is not what it says")
	}
}
