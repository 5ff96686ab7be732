using Hotcore.Http;
using Hotcore.Mappings;
using Xunit;

namespace Hotcore.Proxying;

public sealed class AnswerFaultsTests
{
    private readonly ManualClock _clock = new();
    private readonly List<string> _log = [];
    private readonly AnswerFaults _faults;

    public AnswerFaultsTests() => _faults = new AnswerFaults(_clock, _log.Add);

    [Fact]
    public void A_fault_is_logged_once_a_minute_for_each_domain_port_and_flaw()
    {
        var (a, b) = (Map("a.com", 8080), Map("b.com", 8080));
        for (var i = 0; i < 3; i++)
        {
            _faults.Report(a, AnswerFault.Of("Content-Length: x1"u8, "which is no number"));
            _faults.Report(a, AnswerFault.Of("Content-Length: x2"u8, "which is no number"));
            _faults.Report(a, AnswerFault.Of("A b: c"u8, "which is no field line"));
            _faults.Report(b, AnswerFault.Of("A b: c"u8, "which is no field line"));
            _faults.Report(Map("a.com", 8081), AnswerFault.Of("A b: c"u8, "which is no field line"));
        }

        Assert.Equal(
            [
                "a.com: port 8080 answered with 'Content-Length: x1', which is no number",
                "a.com: port 8080 answered with 'A b: c', which is no field line",
                "b.com: port 8080 answered with 'A b: c', which is no field line",
                "a.com: port 8081 answered with 'A b: c', which is no field line",
            ], _log);
        _clock.Advance(TimeSpan.FromSeconds(61));
        _faults.Report(a, AnswerFault.Of("Content-Length: x3"u8, "which is no number"));
        Assert.Equal("a.com: port 8080 answered with 'Content-Length: x3', which is no number", _log[^1]);
    }

    [Fact]
    public void The_last_fault_of_a_port_is_known_for_an_hour()
    {
        var mapping = Map("a.com", 8080);
        _faults.Report(mapping, AnswerFault.Of("A b: c"u8, "which is no field line"));
        _faults.Report(mapping, AnswerFault.Of("hello"u8, "which is no HTTP"));
        Assert.Equal("port 8080 answered with 'hello', which is no HTTP", _faults.Describe(mapping));
        Assert.Null(_faults.Describe(Map("a.com", 8081)));
        Assert.Null(_faults.Describe(Map("b.com", 8080)));

        _clock.Advance(TimeSpan.FromMinutes(59));
        Assert.NotNull(_faults.Describe(mapping));
        _clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Null(_faults.Describe(mapping));
    }

    [Fact]
    public void Of_very_many_domains_the_one_that_is_well_for_longest_is_forgotten()
    {
        for (var i = 0; i < 5000; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(1));
            _faults.Report(Map($"a{i}.com", 8080), AnswerFault.Of("hello"u8, "which is no HTTP"));
        }

        Assert.Equal(5000, _log.Count);
        Assert.Null(_faults.Describe(Map("a0.com", 8080)));
        Assert.NotNull(_faults.Describe(Map("a4999.com", 8080)));
        Assert.NotNull(_faults.Describe(Map("a1000.com", 8080)));
    }

    [Fact]
    public void Threads_that_report_at_the_same_time_write_one_line()
    {
        var lines = 0;
        var faults = new AnswerFaults(_clock, _ => Interlocked.Increment(ref lines));
        var mapping = Map("a.com", 8080);

        Parallel.For(0, 10_000, i => faults.Report(mapping, AnswerFault.Of("hello"u8, $"flaw {i % 4}")));

        Assert.Equal(4, lines);
    }

    private Mapping Map(string domain, int port)
    {
        Assert.True(DomainName.TryParse(domain, out var name, out _));
        return new Mapping(name, port, _clock.GetUtcNow());
    }
}
