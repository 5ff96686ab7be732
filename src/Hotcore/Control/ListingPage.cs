using System.Text;

namespace Hotcore.Control;

/// <summary>Puts as many lines into one reply as fit; where some do not, it ends with the line <c>more</c>.</summary>
internal static class ListingPage
{
    /// <summary>Joins lines (ASCII) to a reply. Takes no more of them than it can use.</summary>
    public static string Format(IEnumerable<string> lines)
    {
        const int room = ControlMessage.MaxReplyBytes - 1 - 4; // For a line end and "more".
        var page = new StringBuilder();
        foreach (var line in lines)
        {
            var separator = page.Length == 0 ? 0 : 1;
            if (page.Length + separator + line.Length > room)
                return page.Append('\n').Append(ControlMessage.More).ToString();
            if (separator > 0) page.Append('\n');
            page.Append(line);
        }
        return page.ToString();
    }
}
