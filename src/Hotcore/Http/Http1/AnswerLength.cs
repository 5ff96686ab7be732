namespace Hotcore.Http.Http1;

/// <summary>
/// The Content-Length of an answer. Said several times, in several lines or in one, it is still one length where all are the same
/// (RFC 9110 8.6): one of them is left then.
/// </summary>
internal static class AnswerLength
{
    /// <summary>Settles on the length, or says what is wrong; <paramref name="length"/> is -1 where there is none.</summary>
    public static AnswerFault? Apply(FieldSection fields, out long length)
    {
        length = -1;
        var lines = fields.FindSingle(KnownField.ContentLength, out var value);
        if (lines == 0)
            return null;
        if (lines == 1 && ContentLength.TryParse(value, out var only))
        {
            length = only;
            return null;
        }

        return Settle(fields, ref length);
    }

    private static AnswerFault? Settle(FieldSection fields, ref long length)
    {
        var digits = 0;
        foreach (ref readonly var field in fields.Fields)
        {
            if (field.Known != KnownField.ContentLength)
                continue;
            var value = fields.Value(field);
            foreach (var range in value.Split((byte)','))
            {
                var element = value[range].Trim(" \t"u8);
                if (!ContentLength.TryParse(element, out var one))
                    return AnswerFault.Of(fields.Text(field), "which is no number");
                if (length >= 0 && one != length)
                    return AnswerFault.Of(fields.Text(field), "which is another length than the one before");
                (length, digits) = length < 0 ? (one, element.Length) : (length, digits);
            }
        }

        fields.KeepFirst(KnownField.ContentLength, digits);
        return null;
    }
}
