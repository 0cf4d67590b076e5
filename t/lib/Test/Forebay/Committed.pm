# SPDX-License-Identifier: Apache-2.0
#
# Do the committed offsets of a group ever go back?
#
#	my $watch = Test::Forebay::Committed->start($broker, $group, $topic);
#	...
#	$watch->never_back_ok;
#
# The broker is asked ten times a second, or every so many seconds as a fourth
# argument says.
package Test::Forebay::Committed;

use strict;
use warnings;

use parent 'Test::Forebay::Watch';

use Test::More ();

sub look
{
	my ($class, $stop, $broker, $group, $topic, $every) = @_;
	my ($looks, @best, @back) = (0);

	do {
		my $rows = $broker->offsets($group, $topic);

		$looks++ if $rows;
		for my $p (0 .. $#{$rows // []}) {
			my $now = $rows->[$p]{committed};

			push @back, "$p: $now after $best[$p]"
			    if $now < ($best[$p] // -1);
			$best[$p] = $now;
		}
	} until Test::Forebay::Watch::over($stop, $every // 0.1);
	return join("\n", $looks, @back);
}

sub never_back_ok
{
	my ($self) = @_;
	my ($looks, @back) = split /\n/, $self->stop;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	Test::More::cmp_ok($looks, '>', 5,
	    'the committed offsets were looked at');
	return Test::More::is_deeply(\@back, [],
	    'no committed offset has gone back');
}

1;
