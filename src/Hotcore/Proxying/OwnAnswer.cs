using System.Text;
using Hotcore.Http;
using Hotcore.Http.Http1;

namespace Hotcore.Proxying;

/// <summary>
/// A whole answer of hotcore's own: its head, written as HTTP/1.1 without the connection's own fields, and its body. It takes
/// the same way to the client as an app's answer. Not on the way of a request that succeeds, so it may allocate.
/// </summary>
internal sealed class OwnAnswer(string head, byte[] body)
{
    private readonly byte[] _head = Encoding.ASCII.GetBytes(head);

    public byte[] Body { get; } = body;

    /// <summary>Puts the head into <paramref name="response"/>, as if it had been received.</summary>
    public void Fill(ResponseHead response, bool answersHead)
    {
        response.Clear();
        var status = new ResponseParser().Parse(response, _head, 0, _head.Length, answersHead);
        if (status != ParseStatus.Complete)
            throw new InvalidOperationException($"hotcore's own answer is no valid head: {Encoding.ASCII.GetString(_head)}");
    }
}
