-- For wrk: a form of 100 bytes, over a connection of its own.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.headers["Connection"] = "close"
wrk.body = string.rep("a", 100)
