// eventsource.mjs MODULE URL TOKEN: follows a stream with an EventSource, which comes
// back by itself, and prints each event as one line of JSON.
const [module, url, token] = process.argv.slice(2);
const { EventSource } = await import(module);
const source = new EventSource(url, {
  fetch: (input, init) =>
    fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
});
for (const type of ["snapshot", "change"]) {
  source.addEventListener(type, (e) =>
    console.log(JSON.stringify({ type, id: e.lastEventId, data: JSON.parse(e.data) })));
}
