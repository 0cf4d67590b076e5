# SPDX-License-Identifier: Apache-2.0
#
# A stand-in for numaflow-rs: forebay itself once more, behind the interface of
# any such program.  It reads the object that it is given, and is a member of
# the group by itself; SIGTERM and SIGQUIT end it.
package Test::Forebay::Foreign;

use strict;
use warnings;

use Test::Forebay::Util;

# Its path; what it writes is below that directory.
sub program
{
	my ($dir) = @_;
	my $forebay = build_dir() . '/forebay';

	spew("$dir/foreign", <<"SH");
#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
dir=\$(mktemp -d "$dir/foreign.XXXXXX") || exit
perl -MMIME::Base64 -MJSON::PP -e '
	my \$o = decode_json(decode_base64(\$ENV{NUMAFLOW_MONO_VERTEX_OBJECT}));
	\$o->{apiVersion} = "numaflow.numaproj.io/v1alpha1";
	\$o->{kind} = "MonoVertex";
	\$o->{spec}{containerTemplate}{env} = [];
	print encode_json(\$o), "\\n---\\n", encode_json({
	    apiVersion => "forebay/v1", kind => "Host", spec => {
	    runDirectory => "\$ARGV[0]/run", workers => 1,
	    commitInterval => "100ms",
	    http => { listen => "127.0.0.1:0" } } });
' "\$dir" >"\$dir/forebay.yaml" || exit
unset NUMAFLOW_RUNTIME NUMAFLOW_MONO_VERTEX_OBJECT
exec "$forebay" run -c "\$dir/forebay.yaml"
SH
	chmod 0755, "$dir/foreign";
	return "$dir/foreign";
}

1;
