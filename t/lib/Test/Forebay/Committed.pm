# SPDX-License-Identifier: Apache-2.0
#
# Do the committed offsets of a group ever go back?
#
#	my $watch = Test::Forebay::Committed->start($broker, $group, $topic);
#	...
#	$watch->never_back_ok;
#
# The broker is asked ten times a second, or every so many seconds as a fourth
# argument says.  A broker that has just started may answer from the middle of
# its log (Kafka 4.3.1: it loads the groups twice, the second time while it
# serves them already): `except` is asked, with the time of a look, whether that
# was so then.
package Test::Forebay::Committed;

use strict;
use warnings;

use parent 'Test::Forebay::Watch';

use Test::More ();
use Time::HiRes qw(time);

sub look
{
	my ($class, $stop, $broker, $group, $topic, $every) = @_;
	my ($looks, @best, @back) = (0);

	do {
		my $rows = $broker->offsets($group, $topic);

		$looks++ if $rows;
		for my $p (0 .. $#{$rows // []}) {
			my $now = $rows->[$p]{committed};

			push @back, sprintf('%.2f %d: %d after %d', time, $p,
			    $now, $best[$p]) if $now < ($best[$p] // -1);
			$best[$p] = $now;
		}
	} until Test::Forebay::Watch::over($stop, $every // 0.1);
	return join("\n", $looks, @back);
}

sub never_back_ok
{
	my ($self, %opt) = @_;
	my ($looks, @back) = split /\n/, $self->stop;
	my @real = grep { !($opt{except} && $opt{except}->(split / /)) } @back;

	Test::More::note(@back - @real . ' times the broker was still loading')
	    if @back > @real;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	Test::More::cmp_ok($looks, '>', 5,
	    'the committed offsets were looked at');
	return Test::More::is_deeply(\@real, [],
	    'no committed offset has gone back');
}

1;
